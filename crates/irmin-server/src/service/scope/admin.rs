//! What administrators ask for.

use std::collections::HashMap;
use std::ops::ControlFlow;

use irminsule::{
    Collect, CollectOptions, CollectProgress, CollectReport, Cut, Id, StoreStats, VerifyProgress,
    VerifyReport,
};

use super::Scope;
use crate::service::access::{Caller, Principal, Right, Token};
use crate::service::error::{Result, ServiceError};
use crate::service::server::Server;
use crate::service::verb::Verb;

impl Scope {
    /// Returns figures about the store. Reads no object.
    ///
    /// # Errors
    /// [`ServiceError`](crate::service::ServiceError) of kind `PermissionDenied` unless the caller may
    /// read the whole repository.
    pub fn stats(&self) -> Result<StoreStats> {
        self.begin(Verb::Stats, None)?;
        Ok(self.repo().engine().stats()?)
    }

    /// Removes what nothing leads to. `progress` is told each megabyte or so, and may end it. Ends also
    /// when the request's time is over or the server stops: what it did stays. Take
    /// [`run_long`](Server::run_long).
    ///
    /// # Errors
    /// [`ServiceError`](crate::service::ServiceError) of kind `Unavailable` when a collection runs
    /// already.
    pub fn collect(
        &self,
        options: &CollectOptions,
        progress: &mut dyn FnMut(CollectProgress) -> ControlFlow<()>,
    ) -> Result<CollectReport> {
        self.begin(Verb::Collect, None)?;
        let report = self
            .repo()
            .collect(options, &mut |done| match self.check_time().is_err()
                || self.server().is_stopping()
            {
                true => ControlFlow::Break(()),
                false => progress(done),
            })?;
        Ok(report)
    }

    /// Removes what nothing leads to, as [`collect`](Self::collect) does; `roots` are kept, too, and
    /// beneath single commits is left out what `cuts` say, if the options have no rules of their own.
    ///
    /// # Errors
    /// As [`collect`](Self::collect); of kind `Invalid` for both rules and cuts.
    pub fn collect_with(
        &self,
        options: &CollectOptions,
        roots: &[Id],
        cuts: &HashMap<Id, Cut>,
        progress: &mut dyn FnMut(CollectProgress) -> ControlFlow<()>,
    ) -> Result<CollectReport> {
        if roots.is_empty() && cuts.is_empty() {
            return self.collect(options, progress);
        }
        self.begin(Verb::Collect, None)?;
        if !options.keep.is_empty() {
            let message = "give rules of retention, or roots and cuts, not both";
            return Err(ServiceError::invalid(message));
        }
        let cut = |id: &Id| cuts.get(id).copied().unwrap_or_default();
        let collect = Collect {
            roots,
            cut: (!cuts.is_empty()).then_some(&cut),
            dry_run: options.dry_run,
        };
        let mut control = |done| match self.check_time().is_err() || self.server().is_stopping() {
            true => ControlFlow::Break(()),
            false => progress(done),
        };
        let report = self.repo().engine().collect(&collect, &mut control);
        if !options.dry_run {
            self.repo().forget_history();
        }
        Ok(report?)
    }

    /// Reads and checks all that is stored. Take [`run_long`](Server::run_long).
    ///
    /// # Errors
    /// [`ServiceError`](crate::service::ServiceError) when something cannot be read; damage is in the
    /// report.
    pub fn verify(&self, progress: &mut dyn FnMut(VerifyProgress)) -> Result<VerifyReport> {
        self.begin(Verb::Verify, None)?;
        Ok(self.repo().engine().verify(progress)?)
    }

    /// Returns the repository itself for a copy of all of it: a handle that knows nothing of rights.
    ///
    /// # Errors
    /// [`ServiceError`](crate::service::ServiceError) of kind `PermissionDenied` unless the caller
    /// administers the repository.
    pub fn whole(&self) -> Result<irminsule::Repo> {
        self.begin(Verb::Backup, None)?;
        Ok(self.repo().clone())
    }
}

impl Server {
    /// Lists the repositories that the caller may see something of, in order.
    #[must_use]
    pub fn list_repos(&self, caller: &Caller) -> Vec<String> {
        let mut names = self.repos().names();
        names.retain(|name| !self.access().grants(caller, name).is_empty());
        self.metrics()
            .ran(Verb::ListRepos, caller.via, None, std::time::Duration::ZERO);
        names
    }

    /// Makes a repository. Blocks: some syncs.
    ///
    /// # Errors
    /// [`ServiceError`](crate::service::ServiceError) of kind `PermissionDenied` unless the caller
    /// administers that repository; as [`Repos::create`](crate::service::Repos::create).
    pub fn create_repo(&self, caller: &Caller, name: &str) -> Result<()> {
        self.administer(caller, Verb::CreateRepo, name, || {
            self.repos().create(name).map(|_| ())
        })
    }

    /// Removes a repository with all that is in it. Blocks: deletes its files.
    ///
    /// # Errors
    /// As [`create_repo`](Self::create_repo), and as
    /// [`Repos::drop_repo`](crate::service::Repos::drop_repo).
    pub fn drop_repo(&self, caller: &Caller, name: &str) -> Result<()> {
        self.administer(caller, Verb::DropRepo, name, || {
            self.repos().drop_repo(name)
        })
    }

    /// Makes a token for a principal and returns it with its text, which nobody can tell again.
    /// `expires` in seconds since 1970. Blocks: one sync.
    ///
    /// # Errors
    /// [`ServiceError`](crate::service::ServiceError) of kind `PermissionDenied` unless the caller
    /// administers the server.
    pub fn create_token(
        &self,
        caller: &Caller,
        principal: &Principal,
        expires: Option<u64>,
    ) -> Result<(Token, String)> {
        self.administer(caller, Verb::Tokens, "", || {
            self.access()
                .tokens()?
                .create(principal, self.now() / 1000, expires)
        })
    }

    /// Lists the tokens, without their secrets.
    ///
    /// # Errors
    /// As [`create_token`](Self::create_token).
    pub fn list_tokens(&self, caller: &Caller) -> Result<Vec<Token>> {
        self.administer(caller, Verb::Tokens, "", || {
            Ok(self.access().tokens()?.list()?.to_vec())
        })
    }

    /// Revokes a token by its id; `false` if there is none. Blocks: one sync.
    ///
    /// # Errors
    /// As [`create_token`](Self::create_token).
    pub fn revoke_token(&self, caller: &Caller, id: &str) -> Result<bool> {
        self.administer(caller, Verb::Tokens, "", || {
            self.access().tokens()?.revoke(id)
        })
    }

    fn administer<T>(
        &self,
        caller: &Caller,
        verb: Verb,
        repo: &str,
        body: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        let start = std::time::Instant::now();
        let may = match verb {
            Verb::Tokens => self.access().is_server_admin(caller),
            _ => self.access().grants(caller, repo).on_repo(Right::Admin),
        };
        let done = match may {
            true => body(),
            false => Err(ServiceError::denied("you do not administer this")),
        };
        let failed = done.as_ref().err().map(|error| error.kind);
        self.metrics()
            .ran(verb, caller.via, failed, start.elapsed());
        self.audit().note(caller, verb, repo, None, failed);
        done
    }
}
