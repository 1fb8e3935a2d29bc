//! What is the same for each kind of resource of an account: it is found by its id, listed in pages, created of a spec, changed as
//! a whole where the caller has seen the newest version, and deleted. What differs, the kind says: [`Resource`].

use std::sync::Arc;

use auth::Principal;
use model::Reject;
use proto::temporal::api::cloud::resource::v1::ResourceState;

use crate::{
    record::{Meta, WorkRecord},
    request::{Applied, Target},
    state::{Row, State, page},
    turn::{Turn, View, check_version, nothing_to_change},
};

/// A kind of resource.
pub(crate) trait Resource: Clone + 'static {
    /// How refusals call one, such as `user`.
    const KIND: &'static str;
    type Spec: Clone + PartialEq;
    /// One as the API shows it.
    type Described;

    /// The one of this id.
    ///
    /// # Errors
    /// `NotFound`.
    fn find<'a>(state: &'a State, id: &str) -> Result<&'a Arc<Self>, Reject>;
    fn meta(&self) -> &Meta;
    fn meta_mut(&mut self) -> &mut Meta;
    fn spec(&self) -> &Self::Spec;
    fn set_spec(&mut self, spec: Self::Spec);
    /// Writes it as part of the change.
    fn put(self, turn: &mut Turn<'_>);
    /// As the API shows it to the caller of the view.
    fn describe(&self, view: View<'_>) -> Self::Described;

    /// What a request about the one of this id is about, as far as rights depend on it.
    fn target(_state: &State, _id: &str) -> Target {
        Target::Account
    }

    /// Whether the caller may change or delete it, where that hangs on more than the policy's tables know.
    ///
    /// # Errors
    /// `PermissionDenied`.
    fn check_rights(&self, _state: &State, _caller: &Principal) -> Result<(), Reject> {
        Ok(())
    }

    /// Whether it can be changed or deleted now.
    ///
    /// # Errors
    /// `FailedPrecondition`.
    fn check_ready(&self) -> Result<(), Reject> {
        Ok(())
    }

    /// Checks the spec that it shall have, and brings that into its newest form.
    ///
    /// # Errors
    /// Whatever is wrong with it.
    fn check_change(&self, turn: &Turn<'_>, caller: &Principal, spec: Self::Spec) -> Result<Self::Spec, Reject>;

    /// Whether the account can do without what the change takes: `spec` is the new one, `None` where it is deleted.
    ///
    /// # Errors
    /// `FailedPrecondition`.
    fn check_loss(&self, _state: &State, _spec: Option<&Self::Spec>) -> Result<(), Reject> {
        Ok(())
    }

    /// Whether its last change came to nothing, so that the same spec is worth another try.
    fn is_unfinished(&self) -> bool {
        false
    }

    /// Marks one whose spec has changed, and says what the engine has to do for it.
    fn begin_change(&mut self) -> Option<WorkRecord> {
        None
    }
}

/// A kind of which there are several, in lists.
pub(crate) trait Listed: Resource + Row {
    /// Whether the caller may know that there is this one.
    fn is_known_to(&self, _caller: &Principal) -> bool {
        true
    }
}

/// A kind of which new ones can be made.
pub(crate) trait Created: Resource + Row {
    /// What a new one is before the engine has done its part.
    const NEW: ResourceState = ResourceState::Active;

    /// Checks the spec of a new one, and brings it into its newest form.
    ///
    /// # Errors
    /// Whatever is wrong with it, `AlreadyExists`, or `FailedPrecondition` where there are as many as there can be.
    fn check_new(turn: &Turn<'_>, caller: &Principal, spec: Self::Spec) -> Result<Self::Spec, Reject>;

    /// A new one.
    fn new(turn: &mut Turn<'_>, meta: Meta, spec: Self::Spec) -> Self;

    /// What follows for its creator, and what the engine has to do for it.
    fn created(_turn: &mut Turn<'_>, _caller: &Principal, _id: &str) -> Option<WorkRecord> {
        None
    }
}

/// A kind of which one can be deleted.
pub(crate) trait Deleted: Resource {
    /// Removes it with all that hangs on it, or begins to: then the engine has the rest to do.
    fn remove(self, turn: &mut Turn<'_>) -> Option<WorkRecord>;
}

/// A change of a resource as a request has it.
pub(crate) struct Update<'a, S> {
    pub(crate) id: &'a str,
    /// The version that the caller has seen.
    pub(crate) version: &'a str,
    pub(crate) spec: Option<S>,
}

/// The resource of an id as the API shows it.
pub(crate) fn get<R: Resource>(view: View<'_>, id: &str) -> Result<R::Described, Reject> {
    Ok(R::find(view.state, id)?.describe(view))
}

/// A page of those that the caller may know, and that are asked for; and the token of the next page.
pub(crate) fn list<R: Listed>(
    view: View<'_>,
    page: page::PageRequest<'_>,
    is_asked_for: impl Fn(&R) -> bool,
) -> Result<(Vec<R::Described>, String), Reject> {
    let (rows, next) = page::of::<R>(view.state, page, |row| row.is_known_to(view.caller) && is_asked_for(row))?;
    Ok((rows.into_iter().map(|row| row.describe(view)).collect(), next))
}

/// Makes a new resource. `finish` checks and adds what a request says beside the spec.
pub(crate) fn create<R: Created>(
    turn: &mut Turn<'_>,
    caller: &Principal,
    spec: Option<R::Spec>,
    finish: impl FnOnce(&State, &mut R) -> Result<(), Reject>,
) -> Result<Applied, Reject> {
    let spec = R::check_new(turn, caller, given::<R>(spec)?)?;
    let meta = turn.new_meta(R::NEW);
    let mut row = R::new(turn, meta, spec);
    finish(&turn.state, &mut row)?;
    let subject = row.id().to_owned();
    row.put(turn);
    let work = R::created(turn, caller, &subject);
    Ok(Applied { subject, work })
}

/// Changes a resource as a whole.
pub(crate) fn update<R: Resource>(
    turn: &mut Turn<'_>,
    caller: &Principal,
    update: Update<'_, R::Spec>,
) -> Result<Applied, Reject> {
    let mut row = R::clone(R::find(&turn.state, update.id)?);
    row.check_rights(&turn.state, caller)?;
    check_version(row.meta(), update.version)?;
    row.check_ready()?;
    let spec = row.check_change(turn, caller, given::<R>(update.spec)?)?;
    if spec == *row.spec() && !row.is_unfinished() {
        return Err(nothing_to_change());
    }
    row.check_loss(&turn.state, Some(&spec))?;
    row.set_spec(spec);
    let work = row.begin_change();
    turn.touch(row.meta_mut());
    row.put(turn);
    Ok(Applied { subject: update.id.to_owned(), work })
}

/// Deletes a resource.
pub(crate) fn delete<R: Deleted>(
    turn: &mut Turn<'_>,
    caller: &Principal,
    id: &str,
    version: &str,
) -> Result<Applied, Reject> {
    let row = R::clone(R::find(&turn.state, id)?);
    row.check_rights(&turn.state, caller)?;
    check_version(row.meta(), version)?;
    row.check_ready()?;
    row.check_loss(&turn.state, None)?;
    let work = row.remove(turn);
    Ok(Applied { subject: id.to_owned(), work })
}

/// The spec of a request, which has to have one.
pub(crate) fn given<R: Resource>(spec: Option<R::Spec>) -> Result<R::Spec, Reject> {
    spec.ok_or_else(|| Reject::invalid(format!("{} spec is required", R::KIND)))
}

/// The refusal of what would be too many.
pub(crate) fn quota(message: String) -> Reject {
    Reject::precondition(message)
}

/// The part of [`Resource`] that is the same for each kind: its record has `meta` and `spec`.
macro_rules! meta_and_spec {
    ($spec:ty) => {
        type Spec = $spec;

        fn meta(&self) -> &$crate::record::Meta {
            &self.meta
        }

        fn meta_mut(&mut self) -> &mut $crate::record::Meta {
            &mut self.meta
        }

        fn spec(&self) -> &Self::Spec {
            &self.spec
        }

        fn set_spec(&mut self, spec: Self::Spec) {
            self.spec = spec;
        }
    };
}

/// How a request that names one resource reads it.
macro_rules! gets {
    ($request:ident { $id:ident } => $answer:ident { $field:ident: $kind:ty }) => {
        impl $crate::request::ApiRequest for $request {
            type Answer = $answer;
        }

        impl $crate::request::Query for $request {
            fn subject(&self) -> &str {
                &self.$id
            }

            fn target(&self, state: &$crate::state::State) -> $crate::request::Target {
                <$kind as $crate::resource::Resource>::target(state, &self.$id)
            }

            fn answer(&self, view: $crate::turn::View<'_>) -> Result<Self::Answer, model::Reject> {
                Ok($answer { $field: Some($crate::resource::get::<$kind>(view, &self.$id)?) })
            }
        }
    };
}

/// How a request that names one resource changes it; `$apply` does.
macro_rules! changes {
    ($request:ident { $id:ident } => $answer:ident, $kind:ty, $event:literal, $apply:expr) => {
        impl $crate::request::ApiRequest for $request {
            type Answer = $answer;
        }

        impl $crate::request::Command for $request {
            const EVENT: &'static str = $event;

            fn subject(&self) -> &str {
                &self.$id
            }

            fn async_operation_id(&self) -> &str {
                &self.async_operation_id
            }

            fn target(&self, state: &$crate::state::State) -> $crate::request::Target {
                <$kind as $crate::resource::Resource>::target(state, &self.$id)
            }

            fn apply(
                &self,
                turn: &mut $crate::turn::Turn<'_>,
                caller: &auth::Principal,
            ) -> Result<$crate::request::Applied, model::Reject> {
                let apply: fn(
                    &Self,
                    &mut $crate::turn::Turn<'_>,
                    &auth::Principal,
                ) -> Result<$crate::request::Applied, model::Reject> = $apply;
                apply(self, turn, caller)
            }

            fn answer(
                _turn: &mut $crate::turn::Turn<'_>,
                _subject: &str,
                operation: proto::temporal::api::cloud::operation::v1::AsyncOperation,
            ) -> Result<Self::Answer, model::Reject> {
                Ok($answer { async_operation: Some(operation) })
            }
        }
    };
}

/// How a request gives a resource another spec.
macro_rules! updates {
    ($request:ident { $id:ident } => $answer:ident, $kind:ty, $event:literal) => {
        $crate::resource::changes!($request { $id } => $answer, $kind, $event, |request, turn, caller| {
            let (id, version, spec) = (&request.$id, &request.resource_version, request.spec.clone());
            $crate::resource::update::<$kind>(turn, caller, $crate::resource::Update { id, version, spec })
        });
    };
}

/// How a request deletes a resource.
macro_rules! deletes {
    ($request:ident { $id:ident } => $answer:ident, $kind:ty, $event:literal) => {
        $crate::resource::changes!($request { $id } => $answer, $kind, $event, |request, turn, caller| {
            $crate::resource::delete::<$kind>(turn, caller, &request.$id, &request.resource_version)
        });
    };
}

pub(crate) use {changes, deletes, gets, meta_and_spec, updates};
